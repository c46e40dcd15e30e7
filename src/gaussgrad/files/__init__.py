"""Files: images and tables in and out, and outputs that appear whole or not at all."""
