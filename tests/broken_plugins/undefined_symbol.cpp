// A library that needs what nobody has: refused when it is opened, never in the middle of a run.
extern "C" int tessera_function_of_nobody();
extern "C" __attribute__((visibility("default"))) int tessera_plugins() { return tessera_function_of_nobody(); }
