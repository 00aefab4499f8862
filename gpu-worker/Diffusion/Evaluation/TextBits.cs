namespace LLaDA.Diffusion.Evaluation;

/// <summary>How many bits a model needs for held-out text: an upper bound for a diffusion model, exact for its autoregressive twin. The beginning of text is given to both.</summary>
/// <param name="PerToken">The end of text counts as a token.</param>
/// <param name="PerByte">Of UTF-8; comparable between tokenizers.</param>
/// <param name="HalfWidth">Half of the 95 % interval of <paramref name="PerToken"/>, from the spread between documents.</param>
/// <param name="NumDocuments">n.</param>
public sealed record TextBits(double PerToken, double PerByte, double HalfWidth, int NumDocuments, long NumTokens)
{
    /// <param name="documents">Each with at least one token behind the first.</param>
    /// <param name="logLikelihoods">By document: of all tokens behind the first, in nats.</param>
    public static TextBits Of(IReadOnlyList<HeldOutDocument> documents, IReadOnlyList<double> logLikelihoods)
    {
        if (documents.Count == 0 || documents.Count != logLikelihoods.Count)
            throw new ArgumentException("There must be documents, each with its likelihood", nameof(documents));
        long numTokens = documents.Sum(document => (long)document.Tokens.Length - 1), numBytes = documents.Sum(document => (long)document.NumBytes);
        double[] bits = [.. logLikelihoods.Select(likelihood => -likelihood / Math.Log(2))];
        double perToken = bits.Sum() / numTokens;

        // The variance of a ratio of sums (Cochran 1977), documents being drawn independently.
        double squares = bits.Zip(documents, (sum, document) => Math.Pow(sum - (perToken * (document.Tokens.Length - 1)), 2)).Sum();
        double deviation = documents.Count > 1 ? Math.Sqrt(squares * documents.Count / (documents.Count - 1)) / numTokens : double.NaN;
        return new TextBits(perToken, bits.Sum() / numBytes, 1.96 * deviation, documents.Count, numTokens);
    }
}
