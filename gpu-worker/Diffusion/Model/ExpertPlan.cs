namespace LLaDA.Diffusion.Model;

/// <summary>The tokens of a pass in the order of their experts, so that each expert multiplies its tokens at once.</summary>
/// <param name="Gathered">The token of each place, [P].</param>
/// <param name="Runs">The active experts in ascending order, each with its first place and its number of places.</param>
/// <param name="Places">Where each token's choices went, token by token, [T * chosen].</param>
internal sealed record ExpertPlan(long[] Gathered, IReadOnlyList<(int Expert, int Start, int Count)> Runs, long[] Places)
{
    /// <summary><see cref="Runs"/> as block.torchscript reads them, on the CPU.</summary>
    public TorchSharp.torch.Tensor RunNumbers =>
        TorchSharp.torch.tensor([.. Runs.SelectMany(run => new long[] { run.Expert, run.Start, run.Count })]);

    /// <param name="experts">Of each token, token by token, [T * chosen].</param>
    /// <param name="numChosen">Experts of a token.</param>
    /// <param name="multiple">
    /// An expert's tokens are padded to a multiple of this with further copies of its first one (<see cref="RowMultiple"/>).
    /// </param>
    public static ExpertPlan Of(ReadOnlySpan<long> experts, int numExperts, int numChosen, int multiple)
    {
        int[] counts = new int[numExperts];
        foreach (long expert in experts)
            counts[expert]++;

        int[] next = new int[numExperts];
        List<(int Expert, int Start, int Count)> runs = [];
        int numPlaces = 0;
        for (int expert = 0; expert < numExperts; expert++)
        {
            next[expert] = numPlaces;
            if (counts[expert] == 0)
                continue;
            int count = (counts[expert] + multiple - 1) / multiple * multiple;
            runs.Add((expert, numPlaces, count));
            numPlaces += count;
        }

        long[] gathered = new long[numPlaces], places = new long[experts.Length];
        for (int index = 0; index < experts.Length; index++)
        {
            int place = next[experts[index]]++;
            gathered[place] = index / numChosen;
            places[index] = place;
        }
        foreach (var (expert, start, count) in runs)
            gathered.AsSpan((start + counts[expert])..(start + count)).Fill(gathered[start]);
        return new ExpertPlan(gathered, runs, places);
    }
}
