"""An embedder of our own: pictures to vectors, taught by copies of each picture and no labels."""
