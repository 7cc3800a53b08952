"""A lead is a map of last-write-wins registers. Everything here is pure: values in, values out."""
