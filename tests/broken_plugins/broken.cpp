// A library whose damage is its file name: copied to wrong_magic.so it shows a wrong magic number. What it does wrong is caught
// by the probe. Plain C contract, no LibTorch: the damage is all there is. As sound.so it is a quantizer without fault.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tessera/descriptor.h"
#include "tessera/fingerprint.h"

namespace {

std::string file_stem() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void*>(&file_stem), &info)) return "";
  std::string name = info.dli_fname;
  name = name.substr(name.rfind('/') + 1);
  return name.substr(0, name.rfind('.'));
}

bool is(const char* damage) {
  static const std::string name = file_stem();
  return name == damage;
}

void crash() {
  volatile int* nowhere = nullptr;
  *nowhere = 1;
}

__attribute__((constructor)) void static_initialiser() {
  if (is("crash_in_static_initialiser")) crash();
  if (is("throw_in_static_initialiser")) throw 7;
}

bool create(void*, const void*, const void*, void*) { return false; }

const tessera_option& option() {
  static const char* choices[] = {"a", "b", nullptr};
  static tessera_option o = {"codes", "int", "Number of codes.", "16", "architecture", true, true, 2, 64, nullptr};
  if (is("default_out_of_range")) o.default_json = "65";
  if (is("default_of_other_type")) o.default_json = "\"sixteen\"";
  if (is("default_no_json")) o.default_json = "sixteen";
  if (is("unknown_type")) o.type = "tensor";
  if (is("unknown_effect")) o.effect = "decorative";
  if (is("empty_range")) o.min = 100;
  if (is("option_without_doc")) o.doc = "";
  if (is("option_named_plugin")) o.name = "plugin";
  if (is("option_not_snake_case")) o.name = "Codes";
  if (is("choice_without_choices")) o.type = "choice";
  if (is("default_no_choice")) {
    o.type = "choice";
    o.default_json = "\"c\"";
    o.choices = choices;
  }
  return o;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const tessera_descriptor* tessera_plugins(size_t* count) {
  static tessera_option options[2] = {option(), option()};
  static std::string id = file_stem();
  static tessera_descriptor d = {TESSERA_MAGIC,
                                 sizeof(tessera_descriptor),
                                 TESSERA_ABI,
                                 TESSERA_FINGERPRINT,
                                 "quantizer",
                                 1,
                                 1,
                                 id.c_str(),
                                 "1.0",
                                 "A library without fault.",
                                 "",
                                 options,
                                 1,
                                 &create};
  static std::string other_torch = TESSERA_FINGERPRINT;
  if (is("wrong_magic")) d.magic = 0x1234;
  if (is("wrong_size")) d.struct_size = 8;
  if (is("wrong_abi")) d.abi = 2;
  if (is("no_fingerprint")) d.fingerprint = nullptr;
  if (is("other_torch")) {
    other_torch.replace(other_torch.find('='), other_torch.find('\n') - other_torch.find('='), "=1.0.0");
    d.fingerprint = other_torch.c_str();
  }
  if (is("wrong_kind")) d.kind = "decoder";
  if (is("wrong_interface")) d.interface_revision = 2;
  if (is("id_not_file_name")) d.id = "vq";
  if (is("no_version")) d.version = nullptr;
  if (is("no_create")) d.create = nullptr;
  if (is("two_options_of_one_name")) d.option_count = 2;
  if (is("too_many_options")) d.option_count = ~size_t{0};
  if (is("no_option_table")) d.options = nullptr;
  if (is("crash_in_probe")) crash();
  if (is("exit_in_probe")) std::exit(0);
  while (is("endless_loop_in_probe")) asm volatile("");
  if (is("exception_in_probe")) throw 7;
  if (is("prints_in_probe")) std::printf("hello");
  *count = is("two_descriptors") ? 2 : 1;
  return is("no_descriptor") ? nullptr : &d;
}
