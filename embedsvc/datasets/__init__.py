"""What a user names - folders, globs, manifests, labelled layouts - as lists of images."""
