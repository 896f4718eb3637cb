"""The commands of `passerelle-audit`, one module each: the only part of `journal` that reads files by itself."""
