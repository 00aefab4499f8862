namespace LLaDA.Diffusion.Model;

/// <summary>
/// The places whose logits exist at a time: a vocabulary is so wide that the logits of all places of a pass would need more memory than the
/// rest of it.
/// </summary>
public static class HeadPieces
{
    /// <summary>From here on the product reads the head's weights so rarely that larger pieces would not be faster.</summary>
    private const int MaxPlaces = 512;

    private const int MinPlaces = 16;

    private const long MaxLogits = 1 << 26;

    /// <summary>Places of a piece, a multiple of 16: the bits of a product depend on fewer rows than that.</summary>
    public static int Size(LLaDAConfig config) =>
        (int)Math.Clamp(MaxLogits / config.EmbeddingSize / MinPlaces * MinPlaces, MinPlaces, MaxPlaces);

    /// <summary>The pieces of a number of places: each one's first place and its length.</summary>
    internal static IEnumerable<(int Start, int Count)> Of(int numPlaces, LLaDAConfig config)
    {
        int size = Size(config);
        for (int start = 0; start < numPlaces; start += size)
            yield return (start, Math.Min(size, numPlaces - start));
    }
}
