"""Still pictures in and out. Pixels stay as stored: the EXIF orientation is kept with them.

Reading order: `formats`, `picture`, `reader`, `samples`, `rare`, `decoded`, `writer`,
`rare_writer`, `fields`.
"""
