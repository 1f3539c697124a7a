// Metadata for Datasette (0.6x), derived from what the ledger declares: views with their documented columns and facets, and the named
// queries, whose ?1, ?2 become the fields of a form.
#pragma once
#include "core/json.hpp"

namespace tessera {

// What `datasette results/tessera.db --metadata FILE` reads; the database is called "tessera" there, as its file is.
Json datasette_metadata();

}  // namespace tessera
