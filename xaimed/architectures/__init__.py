"""The surveyed networks, one plain nn.Module a file; `build(name, arguments)` makes one."""

ENGINE = frozenset({"anchors", "conv_lstm", "efficientnet_lite", "shapes", "texture", "warping"})
