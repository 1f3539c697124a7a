#include "broken_plugins/broken_plugins.hpp"

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <thread>

#include "core/files.hpp"
#include "tessera/descriptor.h"
#include "tessera/fingerprint.h"

namespace tessera {
namespace fs = std::filesystem;
namespace {

#ifdef __aarch64__
constexpr const char* kMachine = "ARM64";
#else
constexpr const char* kMachine = "x86-64";
#endif

std::string torch_line() {
  std::string fingerprint = TESSERA_FINGERPRINT;
  return fingerprint.substr(0, fingerprint.find('\n'));
}

void write(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  if (auto at = text.find(what); at != std::string::npos) text.replace(at, what.size(), by);
}

// What is wrong with the bytes of the file, not with the library that was built.
std::string damaged(const std::string& name, std::string bytes) {
  auto set16 = [&](size_t at, uint16_t value) { std::memcpy(bytes.data() + at, &value, sizeof value); };
  if (name == "empty") return "";
  if (name == "not_elf") return "#!/bin/sh\necho no library\n";
  if (name == "header_only") return bytes.substr(0, 40);
  if (name == "truncated") return bytes.substr(0, bytes.size() / 2);
  if (name == "one_byte_short") return bytes.substr(0, bytes.size() - 1);
  if (name == "wrong_architecture") set16(offsetof(Elf64_Ehdr, e_machine), EM_RISCV);
  if (name == "thirty_two_bits") bytes[EI_CLASS] = ELFCLASS32;
  if (name == "no_shared_library") set16(offsetof(Elf64_Ehdr, e_type), ET_REL);
  return bytes;
}

}  // namespace

const std::vector<BrokenPlugin>& broken_plugins() {
  constexpr auto kProbe = CaughtBy::probe, kCheck = CaughtBy::check, kRun = CaughtBy::run;
  static const std::vector<BrokenPlugin> table = {
      {"empty.so", "has no bytes", kProbe, "found an empty file, expected a library"},
      {"not_elf.so", "is a shell script", kProbe, "found no ELF file, expected a library"},
      {"header_only.so", "is cut within the ELF header", kProbe,
       "found 40 bytes, expected at least the ELF header of 64: the file is truncated"},
      {"truncated.so", "is cut in the middle", kProbe, "found {half} bytes, expected at least {size}: the file is truncated"},
      {"one_byte_short.so", "lacks its last byte", kProbe, "found {short} bytes, expected at least {size}: the file is truncated"},
      {"wrong_architecture.so", "is for another machine", kProbe, "found a library for RISC-V, expected {machine}"},
      {"thirty_two_bits.so", "is a 32-bit library", kProbe, "found a library that is not 64-bit little-endian, expected {machine}"},
      {"no_shared_library.so", "is an object file", kProbe, "found an ELF file of type 1, expected a shared library (type 3)"},
      {"no_symbol.so", "exports no tessera_plugins", kProbe, "found no function tessera_plugins, expected one (TESSERA_EXPORT makes it)"},
      {"undefined_symbol.so", "needs a function that nobody has", kProbe,
       "cannot be opened: {folder}/undefined_symbol.so: undefined symbol: tessera_function_of_nobody"},
      {"wrong_magic.so", "has another magic number", kProbe, "found the magic number 0x0000000000001234, expected 0x3153455353455431"},
      {"wrong_size.so", "has a shorter descriptor", kProbe,
       "found a descriptor of 8 bytes, expected " + std::to_string(sizeof(tessera_descriptor))},
      {"wrong_abi.so", "has a later abi", kProbe, "found abi 2, expected 1"},
      {"no_fingerprint.so", "has no fingerprint", kProbe, "found no fingerprint, expected one"},
      {"other_torch.so", "was built with another torch", kProbe,
       "built against another Tessera: found torch=1.0.0, expected " + torch_line()},
      {"wrong_kind.so", "is of a kind that does not exist", kProbe,
       "found the kind \"decoder\", expected encoder, quantizer, prior or sampling"},
      {"wrong_interface.so", "has a later interface", kProbe, "found revision 2 of the quantizer interface, expected 1"},
      {"id_not_file_name.so", "has an id that is not its file name", kProbe,
       "found the id 'vq' in a file of the name 'id_not_file_name', expected one name"},
      {"no_version.so", "has no version", kProbe, "found no version, expected one"},
      {"no_create.so", "has no create function", kProbe, "found no create function, expected one"},
      {"no_descriptor.so", "returns no descriptor", kProbe, "found 0 descriptors, expected one"},
      {"two_descriptors.so", "returns two descriptors", kProbe, "found 2 descriptors, expected one"},
      {"two_options_of_one_name.so", "declares an option twice", kProbe, "found two options of the name codes, expected one"},
      {"too_many_options.so", "declares 2^64 - 1 options", kProbe, "found 18446744073709551615 options, expected at most 256"},
      {"no_option_table.so", "declares an option and has no table", kProbe, "found no option table, expected one of 1 options"},
      {"default_out_of_range.so", "has a default out of its range", kProbe,
       "option codes: default: found 65, expected integer from 2 to 64"},
      {"default_of_other_type.so", "has a default of another type", kProbe,
       "option codes: default: found \"sixteen\", expected integer from 2 to 64"},
      {"default_no_json.so", "has a default that is no JSON", kProbe, "option codes: found the default \"sixteen\", expected JSON"},
      {"default_no_choice.so", "has a default that is no choice", kProbe,
       "option codes: default: found \"c\", expected one of \"a\", \"b\""},
      {"choice_without_choices.so", "has a choice without choices", kProbe, "option codes: found no choices, expected at least one"},
      {"unknown_type.so", "has an option of an unknown type", kProbe,
       "option codes: found the type \"tensor\", expected bool, int, float, string, choice, file, or a list such as int[]"},
      {"unknown_effect.so", "has an option of an unknown effect", kProbe,
       "option codes: found the effect \"decorative\", expected architecture, training or inference"},
      {"empty_range.so", "has a range without values", kProbe,
       "option codes: found the range from 100 to 64, expected one that holds a value"},
      {"option_without_doc.so", "has an option without description", kProbe, "option codes: found no description, expected one sentence"},
      {"option_named_plugin.so", "has an option of a taken name", kProbe,
       "option plugin: found a name that stands for the plugin itself, expected another"},
      {"option_not_snake_case.so", "has an option with a capital letter", kProbe,
       "option 1: found the name \"Codes\", expected one in snake_case"},
      {"crash_in_static_initialiser.so", "crashes in a static initialiser", kProbe,
       "the probe that opened it was killed by signal 11 (Segmentation fault)"},
      {"throw_in_static_initialiser.so", "throws an int in a static initialiser", kProbe,
       "the probe that opened it was killed by signal 6 (Aborted)"},
      {"crash_in_probe.so", "crashes in tessera_plugins()", kProbe,
       "the probe that opened it was killed by signal 11 (Segmentation fault)"},
      {"exit_in_probe.so", "calls exit(0) in tessera_plugins()", kProbe, "the probe that opened it exited with code 0"},
      {"endless_loop_in_probe.so", "never returns from tessera_plugins()", kProbe, "the probe that opened it took longer than 3 seconds"},
      {"exception_in_probe.so", "throws an int in tessera_plugins()", kProbe,
       "found an exception out of tessera_plugins(), expected descriptors"},
      {"prints_in_probe.so", "prints in tessera_plugins()", kProbe,
       "found \"hello\" on standard output, expected a plugin to print nothing"},
      {"encoders/misplaced.so", "is a quantizer among the encoders", kProbe,
       "found the kind quantizer in the folder encoders, expected it in quantizers"},
      {"quantizers/sound.so", "has the id of another library", kProbe,
       "found a second quantizer 'sound', expected one: the first is {folder}/sound.so"},
      {"crash_in_constructor.so", "crashes in its constructor", kCheck,
       "{check} was killed by signal 11 (Segmentation fault){constructor}"},
      {"exit_in_constructor.so", "calls exit(0) in its constructor", kCheck, "{check} exited with code 0{constructor}"},
      {"endless_loop_in_constructor.so", "never returns from its constructor", kCheck, "{check} took longer than 3 seconds{constructor}"},
      {"exception_in_constructor.so", "throws an int in its constructor", kCheck, "the plugin threw something that is no std::exception"},
      {"prints_in_constructor.so", "prints in its constructor", kCheck, "a plugin printed to standard output: \"hello\\n\""},
      {"changes_dtype_in_constructor.so", "sets the default dtype in its constructor", kCheck,
       "the constructor of quantizer 'changes_dtype_in_constructor' changed the default dtype: found Double, expected Float; a plugin "
       "leaves "
       "global state alone"},
      {"crash_in_forward.so", "crashes in quantize()", kRun, "its host was killed by signal 11 (Segmentation fault){plugins}"},
      {"exit_in_forward.so", "calls exit(0) in quantize()", kRun, "its host exited with code 0, but did not publish{plugins}"},
      {"endless_loop_in_forward.so", "never returns from quantize()", kRun,
       "its host reported nothing for 8 seconds and was killed; run.stall_limit waits longer{plugins}"},
      {"exception_in_forward.so", "throws an int in quantize()", kRun, "a plugin threw something that is no std::exception{plugins}"},
      {"changes_generator.so", "seeds torch's generator", kRun,
       "the quantizer changed the seed of torch's generator: found 1, expected the engine's; a plugin leaves global state alone"},
      {"changes_threads.so", "sets the number of threads", kRun,
       "the quantizer changed the number of threads: found 257, expected {threads}; a plugin leaves global state alone"},
      {"changes_grad_mode.so", "switches gradients off", kRun,
       "the quantizer changed the grad mode: found off, expected on; a plugin leaves global state alone"},
      {"wrong_shape.so", "returns one id too few", kRun,
       "the quantizer returned ids of type Long and shape [16, 15], expected Long and [16, 16]"},
      {"wrong_dtype.so", "returns 32-bit ids", kRun,
       "the quantizer returned ids of type Int and shape [16, 16], expected Long and [16, 16]"},
      {"ids_out_of_range.so", "returns an id beyond its vocabulary", kRun, "the quantizer gave the id 16, expected one from 0 to 15"},
      {"nan.so", "returns NaN", kRun,
       "10 steps without a finite gradient by step 10; expected at most 1 in 100. A lower lr or a stronger clip usually helps"},
  };
  return table;
}

std::vector<BrokenPlugin> make_broken_plugins(const fs::path& folder) {
  const std::string broken = read_file(TESSERA_BROKEN_LIBRARY), misbehaving = read_file(TESSERA_MISBEHAVING_LIBRARY);
  auto table = broken_plugins();
  for (auto& entry : table) {
    auto name = fs::path(entry.file).stem().string();
    if (name == "no_symbol")
      fs::copy_file(TESSERA_NO_SYMBOL_LIBRARY, folder / entry.file);
    else if (name == "undefined_symbol")
      fs::copy_file(TESSERA_UNDEFINED_SYMBOL_LIBRARY, folder / entry.file);
    else
      write(folder / entry.file, entry.caught_by == CaughtBy::probe ? damaged(name, broken) : misbehaving);
    replace(entry.sentence, "{folder}", folder.string());
    replace(entry.sentence, "{half}", std::to_string(broken.size() / 2));
    replace(entry.sentence, "{short}", std::to_string(broken.size() - 1));
    replace(entry.sentence, "{size}", std::to_string(broken.size()));
    replace(entry.sentence, "{machine}", kMachine);
    replace(entry.sentence, "{threads}", std::to_string(std::thread::hardware_concurrency()));  // all cores: one host at a time
    replace(entry.sentence, "{plugins}", " (plugins conv, " + name + ")");
    replace(entry.sentence, "{constructor}", " in the constructor of quantizer '" + name + "'");
    replace(entry.sentence, "{check}", "the check of encoder 'conv', prior 'gpt', quantizer '" + name + "', sampling 'scan_line'");
  }
  write(folder / "sound.so", broken);
  return table;
}

}  // namespace tessera
