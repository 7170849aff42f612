"""Following a link: rules, passwords, and the pages that visitors see."""
