"""A compilation against its meaning and its framework: the equality ladder, layer by layer, on data sets."""
