// What crosses library borders is marked TESSERA_API; everything else is hidden.
#pragma once
#define TESSERA_API __attribute__((visibility("default")))
