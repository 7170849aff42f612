"""Short links.

Short addresses that redirect to long ones, with QR codes, previews and visit counts that bots do not spoil.
"""
