// Data sources: where images come from. A source is one class in one file with
//   struct Options { … visit … };  static constexpr const char *kId, *kSummary;
//   explicit Source(Options);  SourceFacts inspect() const;  RawImages load() const;
// and one line in the list of source.cpp, from which the manifest and the dispatch derive.
//
// Options of effect `architecture` shape the images and belong in the key of the data stage. Paths have the effect `inference`:
// where a file lies changes nothing, what it holds enters through SourceFacts::fingerprint.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "tessera/layout.hpp"
#include "tessera/options.hpp"

namespace tessera {

// bad_config, with the option of the source that is to blame (so that it gets its file, line and column). The text names the
// file that is missing, damaged or of the wrong kind.
class DataError : public Error {
 public:
  DataError(std::string option, const std::string& text) : Error(ExitCode::bad_config, text), option_(std::move(option)) {}
  const std::string& option() const { return option_; }

 private:
  std::string option_;
};

// What can be said without decoding an image.
struct SourceFacts {
  std::string fingerprint;                   // SHA-256 (hex) of the content of every file that the images come from
  std::vector<std::filesystem::path> watch;  // a change of one of these (size, time) may change the fingerprint
  ImageShape image;
  int64_t classes = 0;  // 0 or at least 2
};

// Which split a source prescribes for an image; by_content: train or validation, as the splitter decides.
enum class GivenSplit : uint8_t { by_content, test };

// One entry an image in every list.
struct RawImages {
  at::Tensor images_MCHW;           // uint8 sRGB, C = 3
  std::vector<std::string> names;   // unique
  std::vector<std::string> groups;  // images of one group never straddle train and validation; "" = a group of its own
  std::vector<int64_t> labels;      // index into class_names, -1 = none
  std::vector<GivenSplit> splits;
  std::vector<std::string> class_names;  // empty or at least two
};

struct DataSource {
  std::string id, summary;
  OptionTable options;
  // Both throw DataError.
  SourceFacts (*inspect)(const OptionValues& values);
  RawImages (*load)(const OptionValues& values);
};

// Every source, in the order in which they are listed to users.
const std::vector<DataSource>& data_sources();
std::vector<std::string> data_source_ids();
// Throws std::out_of_range for an unknown id (choices are checked before).
const DataSource& data_source(const std::string& id);

// Calls f; an Error of it is blamed on the option.
template <class Function>
auto blame(const char* option, Function f) {
  try {
    return f();
  } catch (const DataError&) {
    throw;
  } catch (const Error& error) {
    throw DataError(option, error.what());
  }
}

template <class Source>
DataSource describe_source() {
  typename Source::Options defaults;
  DataSource source;
  source.id = Source::kId;
  source.summary = Source::kSummary;
  defaults.visit(source.options);
  source.inspect = [](const OptionValues& values) { return Source(bind_options<typename Source::Options>(values)).inspect(); };
  source.load = [](const OptionValues& values) { return Source(bind_options<typename Source::Options>(values)).load(); };
  return source;
}

}  // namespace tessera
