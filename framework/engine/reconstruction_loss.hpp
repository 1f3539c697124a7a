// The reconstruction loss of a tokenizer, and the seam where perceptual and adversarial terms join (2012.09841).
#pragma once
#include <torch/torch.h>

#include <functional>
#include <map>

#include "engine/options.hpp"

namespace tessera {

class ReconstructionLoss {
 public:
  // A further term: (x_BCHW, reconstruction, last_layer) -> scalar, its weight applied. last_layer is the weight that an
  // adaptive adversarial weight is measured on; undefined in validation, where such a term gives an undefined tensor.
  using Term = std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>;

  // variance: of the training images, for divide_by_variance; else 1.
  ReconstructionLoss(const ReconstructionOptions& options, double variance) : options_(options), variance_(variance) {}
  void add(std::string name, Term term) { terms_.emplace_back(std::move(name), std::move(term)); }

  struct Value {
    at::Tensor total;  // scalar, mean over pixels
    std::map<std::string, at::Tensor> parts;
  };
  Value operator()(const at::Tensor& x_BCHW, const at::Tensor& y_BCHW, const at::Tensor& last_layer) const;

 private:
  ReconstructionOptions options_;
  double variance_;
  std::vector<std::pair<std::string, Term>> terms_;
};

}  // namespace tessera
