// Source `cifar10`: CIFAR-10 (Krizhevsky 2009) as JPEG files, train/<class>/NNNN.jpg and test/<class>/NNNN.jpg, in one tar archive
// of any compression or in a folder. The pixels are JPEG re-encodings: figures are those of "CIFAR-10 (JPEG)". Its test images
// are the test split; validation is cut from train.
#pragma once
#include "data/source.hpp"

namespace tessera {

class Cifar10Source {
 public:
  static constexpr const char* kId = "cifar10";
  static constexpr const char* kSummary = "CIFAR-10 as JPEG files, in a tar archive or a folder";
  struct Options {
    std::string path;
    template <class Visitor>
    void visit(Visitor& v) {
      v("path", path, "The archive, or the folder it unpacks to; relative to the file that names it.", Effect::inference);
    }
  };
  explicit Cifar10Source(Options options) : options_(std::move(options)) {}
  SourceFacts inspect() const;
  RawImages load() const;

 private:
  Options options_;
};

}  // namespace tessera
