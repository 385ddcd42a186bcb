"""Super-resolution of a rectified layer image. Owns sampling; refuses to know cameras, stores and processes."""
