"""Tables in: the border, and the profile that every data gate reads."""
