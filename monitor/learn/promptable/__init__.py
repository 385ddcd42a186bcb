"""A small promptable segmenter of Segment Anything's architecture: its network, layers, training and bundle."""
