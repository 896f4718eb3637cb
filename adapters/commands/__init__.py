"""The commands of `passerelle-adapter`, a module for each thing people come to do."""
