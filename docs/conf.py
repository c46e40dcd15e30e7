"""How Sphinx builds the site; `make docs` calls it."""

import os
import sys
from importlib import metadata, resources
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))
os.environ["KERAS_BACKEND"] = "torch"  # to read the docstrings of the Keras layers

MATHJAX = resources.files("sphinx-mathjax-offline") / "static" / "mathjax"

project = "gaussgrad"
author = copyright = "The gaussgrad developers"
release = version = metadata.version("gaussgrad")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
    "built_pages",
    "docstrings",
    "equations",
    "names",
]
exclude_patterns = ["_build", "_extensions", "_templates", "_gallery/index.rst"]  # gallery.md includes the last
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore_regex = [
    (r"py:obj", r"(?!gaussgrad\.).*"),  # in docstrings, backticks mark arguments and code too
    (r"py:obj", r"gaussgrad\.autoencoder\.[a-z].*"),  # parts of the models, which have no page
]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the tests run the notebooks

default_role = "py:obj"
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say types and shapes
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "_gallery",
    "filename_pattern": r"\.py$",  # all of them run
    "within_subsection_order": "gallery.place",  # docs/_extensions/gallery.py
    "image_scrapers": ("gallery.pictures",),
    "capture_repr": (),  # scripts print what they say
    "notebook_extensions": (),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_title = "gaussgrad"
html_static_path = ["_static", str(MATHJAX / "tex-svg.js")]  # one file, which needs no fonts
mathjax_path = "tex-svg.js"
html_extra_path = ["../src/gaussgrad/play/static"]  # the page to play with, at play/index.html
html_css_files = ["gaussgrad.css"]
html_copy_source = html_show_sourcelink = False
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "logo": {"text": "gaussgrad"},
    "header_links_before_dropdown": 6,  # all nine would wrap on a laptop
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "which": [], "changelog": [], "reliability": []}
