#include "experiment/run/gpus.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace tessera {
namespace {

// As CUDA reads the variable: the list ends at the first entry that names no device.
std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> gpus;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    const auto begin = word.find_first_not_of(' ');
    if (begin == std::string::npos || word[begin] == '-') break;
    gpus.push_back(word.substr(begin, word.find_last_not_of(' ') - begin + 1));
  }
  return gpus;
}

}  // namespace

std::vector<std::string> visible_gpus(const std::filesystem::path& devices) {
  if (const char* set = std::getenv("CUDA_VISIBLE_DEVICES")) return listed(set);
  std::vector<int> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator item(devices, error), end; !error && item != end; item.increment(error)) {
    const auto name = item->path().filename().string();
    const auto digits = name.rfind("nvidia", 0) == 0 ? name.substr(6) : "";
    if (!digits.empty() && digits.size() < 5 && digits.find_first_not_of("0123456789") == std::string::npos)
      numbers.push_back(std::stoi(digits));
  }
  std::sort(numbers.begin(), numbers.end());
  std::vector<std::string> gpus;
  for (const int number : numbers) gpus.push_back(std::to_string(number));
  return gpus;
}

}  // namespace tessera
