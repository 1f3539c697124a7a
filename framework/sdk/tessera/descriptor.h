/* First contact between host and plugin, in C: a library exports tessera_plugins(), which returns its descriptors.
 * The host reads magic, struct_size and abi before any other field, then compares fingerprints as text; C++ is used
 * only when all of it checks out. Every pointer stays valid as long as the library is loaded (it is never closed). */
#ifndef TESSERA_DESCRIPTOR_H
#define TESSERA_DESCRIPTOR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TESSERA_MAGIC UINT64_C(0x3153455353455431)
#define TESSERA_ABI 1u

#ifdef __cplusplus
extern "C" {
#endif

/* One option: what the visitor of the plugin's Options declares. default_json is a JSON value. */
typedef struct tessera_option {
  const char* name;
  const char* type; /* bool int float string choice file, or list of one of them: "int[]" */
  const char* doc;
  const char* default_json;
  const char* effect; /* architecture | training | inference */
  bool has_min, has_max;
  double min, max;
  const char* const* choices; /* NULL-terminated; NULL unless type is choice */
} tessera_option;

typedef struct tessera_descriptor {
  uint64_t magic;          /* TESSERA_MAGIC */
  uint32_t struct_size;    /* sizeof(tessera_descriptor) */
  uint32_t abi;            /* TESSERA_ABI */
  const char* fingerprint; /* "name=value" lines: torch, compiler, C++ ABI, CUDA, header hash */
  const char* kind;        /* encoder | quantizer | prior | sampling */
  uint32_t interface_revision;
  uint32_t revision; /* of the code's numerics; 0 = not declared, the file's hash is used */
  const char* id;    /* equals the file name without its ending */
  const char* version;
  const char* summary;
  const char* paper; /* arXiv id or "" */
  const tessera_option* options;
  size_t option_count;
  /* host: tessera::Host*; values: const tessera::OptionValues*; spec: const <Kind>Spec*;
   * out: std::shared_ptr<Kind>*. False after host->fail(); throws nothing. */
  bool (*create)(void* host, const void* values, const void* spec, void* out);
} tessera_descriptor;

/* The one exported symbol. Sets *count; never NULL when *count > 0. */
typedef const tessera_descriptor* (*tessera_plugins_function)(size_t* count);

#ifdef __cplusplus
}
#endif
#endif
