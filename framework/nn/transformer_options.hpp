// The options that every prior on the shared transformer declares.
#pragma once
#include "nn/transformer.hpp"
#include "tessera/options.hpp"

namespace tessera {

template <class Visitor>
void visit_transformer(Visitor& v, TransformerOptions& o) {
  v("width", o.width, "Channels of the network.", Effect::architecture, range(4, 1 << 14));
  v("layers", o.layers, "Transformer blocks.", Effect::architecture, range(1, 256));
  v("heads", o.heads, "Attention heads; divide the width.", Effect::architecture, range(1, 256));
  v("dropout", o.dropout, "Dropout of embeddings and of what each block adds.", Effect::training, range(0, 0.9));
  v("positions", o.positions, "Learned position embeddings, or 2-D rotary ones over the grid.", Effect::architecture,
    one_of({"learned", "rotary"}));
}

}  // namespace tessera
