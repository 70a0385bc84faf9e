// Package docs tests the guides in the folder docs of the repository: that their
// programs compile against this tree and print what they say, and that the names,
// commands and links in them exist.
package docs
