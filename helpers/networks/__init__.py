"""The Keras studies, apart from the rest of the workbook.

remainder       numbers in several encodings, and networks that learn their remainders
digits          images of handwritten digits
digit_networks  networks that read them
pictures        figures of both studies
backend         Keras on the backend that the user chose
"""
