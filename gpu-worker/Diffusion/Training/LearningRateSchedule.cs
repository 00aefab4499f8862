namespace LLaDA.Diffusion.Training;

/// <summary>Warmup-stable-decay: linear from 0 to the peak, constant, then linear down to the final rate. A pure function of the step.</summary>
/// <param name="Peak">Above 0.</param>
/// <param name="Final">Reached with the last step; at most the peak.</param>
/// <param name="WarmupSteps">At least 0.</param>
/// <param name="DecaySteps">At least 0; warmup and decay together at most <paramref name="NumSteps"/>.</param>
public sealed record LearningRateSchedule(double Peak, double Final, int WarmupSteps, int DecaySteps, int NumSteps)
{
    /// <param name="step">From 0 on.</param>
    public double At(int step)
    {
        if (step < WarmupSteps)
            return Peak * (step + 1) / WarmupSteps;
        int decayed = step + 1 - (NumSteps - DecaySteps);
        return decayed <= 0 ? Peak : Math.Max(Final, Peak + ((Final - Peak) * decayed / DecaySteps));
    }

    public IEnumerable<string> Validate()
    {
        if (!(Peak > 0 && Final >= 0 && Final <= Peak))
            yield return $"learning rates must satisfy 0 <= final ({Final}) <= peak ({Peak}), with a peak above 0";
        if (WarmupSteps < 0 || DecaySteps < 0 || WarmupSteps + DecaySteps > NumSteps)
            yield return $"warmup ({WarmupSteps}) and decay ({DecaySteps}) must fit into the {NumSteps} steps";
    }
}
