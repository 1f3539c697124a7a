// Source `folder`: PNG and JPEG files of a folder and its sub-folders, by path. The class of an image is the sub-folder of the first level;
// fewer than two of them are no classes. Files of other names, and what begins with a dot, are left out.
#pragma once
#include "data/source.hpp"

namespace tessera {

class FolderSource {
 public:
  static constexpr const char* kId = "folder";
  static constexpr const char* kSummary = "PNG and JPEG files of a folder; a class is a sub-folder";
  struct Options {
    std::string path;
    int64_t size = 32;
    template <class Visitor>
    void visit(Visitor& v) {
      v("path", path, "The folder, relative to the file that names it.", Effect::inference);
      v("size", size, "Height and width: the shorter side is brought to it, then the middle is cut out.", Effect::architecture,
        range(8, 1024));
    }
  };
  explicit FolderSource(Options options) : options_(std::move(options)) {}
  SourceFacts inspect() const;
  RawImages load() const;

 private:
  Options options_;
};

}  // namespace tessera
