namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Lists and texts by position, which counts characters of Unicode, as Python does.</summary>
internal static class TextSlices
{
    public static int Length(MarkedText text)
    {
        int halves = 0;
        foreach (char sign in text.Text)
            halves += char.IsLowSurrogate(sign) ? 1 : 0;
        return text.Length - halves;
    }

    public static IEnumerable<MarkedText> Characters(MarkedText text)
    {
        for (int index = 0; index < text.Length;)
        {
            int size = Size(text.Text, index);
            yield return text.Slice(index, size);
            index += size;
        }
    }

    /// <summary>One character; null where the position lies outside.</summary>
    public static MarkedText? At(MarkedText text, long position)
    {
        int[] offsets = Offsets(text);
        long index = position < 0 ? position + offsets.Length - 1 : position;
        return index >= 0 && index < offsets.Length - 1
            ? text.Slice(offsets[index], offsets[index + 1] - offsets[index])
            : null;
    }

    public static MarkedText Cut(MarkedText text, long? start, long? stop, long step, Budget budget)
    {
        int[] offsets = Offsets(text);
        var positions = Positions(offsets.Length - 1, start, stop, step);
        if (step == 1)
        {
            return positions.Count == 0
                ? MarkedText.Empty
                : text.Slice(offsets[positions[0]], offsets[positions[^1] + 1] - offsets[positions[0]]);
        }
        budget.MakeItems(positions.Count);
        return MarkedText.Concat([.. positions.Select(index => text.Slice(offsets[index], offsets[index + 1] - offsets[index]))]);
    }

    public static object?[] Cut(object?[] list, long? start, long? stop, long step) =>
        [.. Positions(list.Length, start, stop, step).Select(index => list[index])];

    private static List<int> Positions(int length, long? start, long? stop, long step)
    {
        if (step == 0)
            throw new TemplateException("it cuts with a step of zero");
        long Within(long? limit, long low, long high, long absent) =>
            limit is not { } given ? absent : Math.Clamp(given < 0 ? given + length : given, low, high);
        List<int> positions = [];
        if (step > 0)
        {
            long end = Within(stop, 0, length, length);
            for (long index = Within(start, 0, length, 0); index < end; index = end - index > step ? index + step : end)
                positions.Add((int)index);
        }
        else
        {
            long end = Within(stop, -1, length - 1, -1);
            for (long index = Within(start, -1, length - 1, length - 1); index > end; index = step < end - index ? end : index + step)
                positions.Add((int)index);
        }
        return positions;
    }

    /// <summary>Where each character begins, and the length.</summary>
    private static int[] Offsets(MarkedText text)
    {
        List<int> offsets = new(text.Length + 1);
        for (int index = 0; index < text.Length; index += Size(text.Text, index))
            offsets.Add(index);
        offsets.Add(text.Length);
        return [.. offsets];
    }

    private static int Size(string text, int index) =>
        char.IsHighSurrogate(text[index]) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]) ? 2 : 1;
}
