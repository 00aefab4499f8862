namespace LLaDA.Diffusion.Training;

/// <summary>How the learning rate falls from its peak to its final value.</summary>
public enum RateDecay
{
    /// <summary>In a straight line: warmup-stable-decay, LLaDA's own.</summary>
    Linear,

    /// <summary>Along half a cosine; over all steps behind the warmup it is the usual cosine schedule.</summary>
    Cosine,
}

/// <summary>Linear from 0 to the peak, constant, then down to the final rate. A pure function of the step.</summary>
/// <param name="Peak">Above 0.</param>
/// <param name="Final">Reached with the last step; at most the peak.</param>
/// <param name="WarmupSteps">At least 0.</param>
/// <param name="DecaySteps">At least 0; warmup and decay together at most <paramref name="NumSteps"/>.</param>
public sealed record LearningRateSchedule(double Peak, double Final, int WarmupSteps, int DecaySteps, int NumSteps)
{
    public RateDecay Decay { get; init; }

    /// <summary>Warmup, then one half cosine to the end.</summary>
    public static LearningRateSchedule Cosine(double peak, double final, int warmupSteps, int numSteps) =>
        new(peak, final, warmupSteps, numSteps - warmupSteps, numSteps) { Decay = RateDecay.Cosine };

    /// <param name="step">From 0 on.</param>
    public double At(int step)
    {
        if (step < WarmupSteps)
            return Peak * (step + 1) / WarmupSteps;
        int decayed = Math.Min(step + 1 - (NumSteps - DecaySteps), DecaySteps);
        if (decayed <= 0)
            return Peak;
        double progress = (double)decayed / DecaySteps;
        return Decay switch
        {
            RateDecay.Linear => Peak + ((Final - Peak) * progress),
            RateDecay.Cosine => Final + ((Peak - Final) * (1 + Math.Cos(Math.PI * progress)) / 2),
            _ => throw new InvalidOperationException($"{Decay} is not a decay"),
        };
    }

    /// <summary>Every mistake, as sentences.</summary>
    public IEnumerable<string> Validate()
    {
        if (!(Peak > 0 && Final >= 0 && Final <= Peak))
            yield return $"learning rates must satisfy 0 <= final ({Final}) <= peak ({Peak}), with a peak above 0";
        if (NumSteps < 1 || WarmupSteps < 0 || DecaySteps < 0 || WarmupSteps + DecaySteps > NumSteps)
            yield return NumSteps < 1
                ? $"the number of steps is {NumSteps}; it must be at least 1"
                : $"warmup ({WarmupSteps}) and decay ({DecaySteps}) must fit into the {NumSteps} steps";
    }
}
