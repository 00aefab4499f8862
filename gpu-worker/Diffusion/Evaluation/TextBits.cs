namespace LLaDA.Diffusion.Evaluation;

/// <summary>
/// The bits that a model needs for held-out text behind the beginning of text: an upper bound for a diffusion model, exact for its
/// autoregressive twin.
/// </summary>
/// <param name="PerToken">The end of text counts as a token.</param>
/// <param name="PerByte">Of UTF-8; comparable between tokenizers.</param>
/// <param name="HalfWidthPerToken">
/// Half of the 95 % interval of <paramref name="PerToken"/>, from the spread between documents; NaN for a single one.
/// </param>
/// <param name="HalfWidthPerByte">The same of <paramref name="PerByte"/>.</param>
public sealed record TextBits(
    double PerToken, double PerByte, double HalfWidthPerToken, double HalfWidthPerByte, int NumDocuments, long NumTokens)
{
    /// <param name="documents">Each with at least one token behind the first.</param>
    /// <param name="logLikelihoods">By document, in nats, of all tokens behind the first.</param>
    public static TextBits Of(IReadOnlyList<HeldOutDocument> documents, IReadOnlyList<double> logLikelihoods)
    {
        if (documents.Count == 0 || documents.Count != logLikelihoods.Count)
            throw new ArgumentException("There must be documents, each with its likelihood", nameof(documents));
        double[] bits = [.. logLikelihoods.Select(likelihood => -likelihood / Math.Log(2))];
        double[] tokens = [.. documents.Select(document => document.Tokens.Length - 1.0)];
        double[] bytes = [.. documents.Select(document => (double)document.NumBytes)];
        double sum = bits.Sum();
        return new TextBits(
            sum / tokens.Sum(), sum / bytes.Sum(), HalfWidth(bits, tokens), HalfWidth(bits, bytes), documents.Count, (long)tokens.Sum());
    }

    /// <summary>For a ratio of sums over independent documents (Cochran 1977).</summary>
    private static double HalfWidth(double[] bits, double[] units)
    {
        if (bits.Length < 2)
            return double.NaN;
        double ratio = bits.Sum() / units.Sum();
        double squares = bits.Zip(units, (bitsOfText, unit) => Math.Pow(bitsOfText - (ratio * unit), 2)).Sum();
        return 1.96 * Math.Sqrt(squares * bits.Length / (bits.Length - 1)) / units.Sum();
    }
}
