namespace LLaDA.Diffusion.Data;

/// <summary>The clean tokens of one step.</summary>
/// <param name="Rows">x_0, [B][L].</param>
/// <param name="PromptLengths">Tokens at the start of each row that are given and never noised, [B].</param>
/// <param name="Ends">
/// Where the learnt tokens of each row end, [B]; tokens from there to L are padding that no token attends to. L where padding is learnt
/// too.
/// </param>
public sealed record TrainingBatch(int[][] Rows, int[] PromptLengths, int[] Ends)
{
    /// <summary>Rows of which every token is learnt.</summary>
    public TrainingBatch(int[][] rows)
        : this(rows, new int[rows.Length], [.. rows.Select(row => row.Length)])
    {
    }

    /// <summary>The line that each row was made of, where a method looks at more of it than its tokens; null elsewhere.</summary>
    public DataLine[]? Lines { get; init; }

    public int BatchSize => Rows.Length;

    public int Length => Rows[0].Length;

    /// <summary>Where the learnt tokens of a row lie; empty where its answer was cut off.</summary>
    public Range Learnt(int row) => PromptLengths[row]..Math.Max(PromptLengths[row], Ends[row]);

    /// <summary>The same with every row twice, one behind the other.</summary>
    internal TrainingBatch Twice()
    {
        static T[] Each<T>(T[] rows) => [.. rows.SelectMany(row => new[] { row, row })];
        return new TrainingBatch(Each(Rows), Each(PromptLengths), Each(Ends));
    }

    /// <summary>The same with every row cut to a length; a row whose whole answer is cut off teaches nothing.</summary>
    public TrainingBatch Cut(int length) => new(
        [.. Rows.Select(row => row[..length])],
        [.. PromptLengths.Select(prompt => Math.Min(prompt, length))],
        [.. Ends.Select(end => Math.Min(end, length))]);
}

/// <summary>A line of training data.</summary>
/// <param name="Number">In the file, from 1 on.</param>
/// <param name="Text">As it stands there.</param>
public sealed record DataLine(int Number, string Text);
