package dagfile

// Hint is what messages say about a word that is not known: "did you mean `word`?" with
// the candidate that is spelled most like it, or nothing if none is.
func Hint(word string, candidates []string) string { return didYouMean(word, candidates) }
