"""Still pictures in and out. Pixels stay as stored: the EXIF orientation is kept with them."""
