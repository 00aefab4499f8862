using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>Dream's process: every step may commit any masks of the whole canvas, as many as the time schedule says.</summary>
/// <remarks>A step that commits nothing, of which this schedule has some, needs no pass.</remarks>
internal sealed class TimedRow : DenoisingRow
{
    private readonly TimeSchedule _schedule;
    private readonly List<int> _masked;
    private bool _isDone;

    public TimedRow(SamplingRow row, LLaDAConfig config)
        : base(row, config)
    {
        int numSteps = row.Options.Steps ?? Math.Clamp(Targets.Length, 1, SamplingOptions.MaxSteps);
        _schedule = new TimeSchedule(numSteps, row.Options.EndTime ?? SamplingOptions.DefaultEndTime);
        _masked = [.. Targets];
        EnterStep();
    }

    public override bool IsDone => _isDone;

    protected override void Commit(IReadOnlyList<Prediction> predictions)
    {
        int count = Options.Remasking == Remasking.Origin ? predictions.Count : _schedule.Count((int)NumSteps, predictions.Count);
        if (Options.AlgTemp is > 0 and var temperature)
            predictions = [.. predictions.Select(prediction => prediction with { Confidence = Perturbed(prediction, temperature) })];
        // The sort is stable: among equals the lower position comes first.
        Write(predictions.OrderByDescending(prediction => prediction.Confidence).Take(count));
    }

    protected override void Advance()
    {
        _masked.RemoveAll(position => !IsMasked(position));
        _isDone = TryStop();
        EnterStep();
    }

    private void EnterStep()
    {
        Candidates = [];
        while (!_isDone && Candidates.Count == 0)
        {
            _isDone = _masked.Count == 0 || NumSteps == _schedule.NumSteps;
            Candidates = _isDone ? [] : CandidatesOfStep();
            if (!_isDone && Candidates.Count == 0)
                SkipStep();
        }
    }

    private IReadOnlyList<int> CandidatesOfStep()
    {
        int step = (int)NumSteps;
        if (Options.Remasking == Remasking.Origin)
        {
            float share = _schedule.Share(step);
            return [.. _masked.Where(position => share == 1 || Draw(position, RandomStream.Remasking) < share)];
        }
        return _schedule.Count(step, _masked.Count) > 0 ? [.. _masked] : [];
    }

    /// <summary>
    /// Positions are drawn without replacement with probabilities in proportion to exp(confidence / temperature): the largest of the
    /// confidences with Gumbel noise are such a draw.
    /// </summary>
    private double Perturbed(Prediction prediction, double temperature) =>
        (prediction.Confidence / temperature) - Math.Log(-Math.Log(Draw(prediction.Position, RandomStream.Remasking)));
}
