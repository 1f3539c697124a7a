#include "plugin_files.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

namespace tessera {

namespace {

// Opened for good: an autograd graph may point into it.
const tessera_descriptor* open_plugin(const std::filesystem::path& file) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  auto list = reinterpret_cast<tessera_plugins_function>(dlsym(library, "tessera_plugins"));
  if (!list) throw std::runtime_error(file.string() + " exports no tessera_plugins");
  size_t count = 0;
  return list(&count);
}

}  // namespace

std::vector<Subject> built_plugins(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(TESSERA_BINARY_DIR) / "plugins" / folder))
    if (entry.path().extension() == ".so") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Subject> subjects;
  for (const auto& file : files) subjects.push_back(default_subject(*open_plugin(file)));
  return subjects;
}

std::vector<Subject> mutants(const std::string& kind) {
  const auto& descriptor = *open_plugin(std::filesystem::path(TESSERA_BINARY_DIR) / "tests/mutants" / (kind + "_mutants.so"));
  std::vector<Subject> subjects;
  for (size_t i = 0; i < descriptor.option_count; ++i)
    if (std::string(descriptor.options[i].name) == "mutant")
      for (auto choice = descriptor.options[i].choices; *choice; ++choice) {
        subjects.push_back(default_subject(descriptor));
        subjects.back().name = *choice;
        subjects.back().values.set("mutant", std::string(*choice));
      }
  return subjects;
}

void expect_conformance(const std::string& kind, const std::string& folder, const std::vector<Law>& laws) {
  EXPECT_GE(laws.size(), 15u);

  auto plugins = check_laws(laws, built_plugins(folder));
  std::cout << plugins.table() << plugins.failures() << '\n';
  EXPECT_FALSE(plugins.subjects.empty());
  EXPECT_TRUE(plugins.all_held()) << plugins.failures();

  auto broken = check_laws(laws, mutants(kind));
  std::cout << broken.table() << '\n';
  std::vector<std::string> expected{"none"}, found = broken.subjects;
  for (const auto& law : laws) expected.push_back(law.id);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0], "none");
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected) << "the mutants are \"none\" and one for each law";
  for (size_t l = 0; l < laws.size(); ++l)
    for (size_t s = 0; s < broken.subjects.size(); ++s) {
      const auto& outcome = broken.outcomes[l][s];
      if (broken.subjects[s] == "none") EXPECT_NE(outcome.state, Outcome::failed) << laws[l].id << ": " << outcome.text;
      if (broken.subjects[s] == laws[l].id) {
        EXPECT_EQ(outcome.state, Outcome::failed) << laws[l].id << " does not see its mutant";
        std::cout << laws[l].id << ": " << outcome.text << '\n';
      }
    }
}

}  // namespace tessera
