"""Sweeps: many candidates of a family of networks, judged by whether they fit and ranked by a stated proxy."""
