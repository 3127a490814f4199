"""Images: decoding, filters, breast segmentation and geometry."""
