#include "metrics/completion_l1.hpp"

#include "metrics/l1.hpp"
#include "metrics/pixels.hpp"

namespace tessera {

SamplesMetric completion_l1_metric() {
  return {{{"completion_l1", 1, "samples", "step", "min", "", false,
            "Mean absolute pixel error on the [0, 1] range between a completion and the validation image that it completes, known part "
            "included; mean over samples. The tokenizer's l1 is its floor. Completions only."},
           {"completion_l1_sample", 1, "samples", "sample", "min", "", false, "completion_l1 of one sample."}},
          [](const SamplesStudy& s, std::vector<Score>& scores) {
            if (!s.samples.originals_MCHW.defined()) return;
            add_mean_and_samples("completion_l1", l1(unit_from_bytes(s.samples.images_MCHW), unit_from_bytes(s.samples.originals_MCHW)),
                                 scores);
          }};
}

}  // namespace tessera
