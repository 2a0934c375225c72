"""What a TOML file beside the data says of a measurement: understood, or refused by line with a remedy.

reading      `read`: a file as a `Description`
rules        what must be there, and what contradicts itself
search       `find`: from a name or path to the file
keys         every key, with what it takes
toml_text    the text of a TOML file, with the lines of its entries
toml_errors  what is wrong where the text is no TOML
"""

from helpers.description.reading import DescribedTrace, Description, Film, FitChoice, read
from helpers.description.search import find

__all__ = ["DescribedTrace", "Description", "Film", "FitChoice", "find", "read"]
