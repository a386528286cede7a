"""Seeing a stream live: a model of its spectra, a web server that shows it, and pictures.

`model` and what it is made of know numpy and the stream; the web server (extra `view`) and matplotlib
(extra `plot`) stay behind modules of their own. Imports nothing by itself.
"""
