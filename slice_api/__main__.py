"""`python -m slice_api`: serve the app, and the small things around it."""

from slice_api.cli import main

if __name__ == "__main__":
    main()
