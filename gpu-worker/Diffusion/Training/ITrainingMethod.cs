namespace LLaDA.Diffusion.Training;

/// <summary>
/// What a run minimises, and on which data. A <see cref="Trainer"/> owns steps, rates, updates, checkpoints and the log; a method makes the
/// gradient of a step. Each way to train is an implementation of its own.
/// </summary>
/// <remarks>
/// All it computes is a pure function of the step and of the weights at the start of its round, and of the weights since, so that a
/// resumed run repeats it to the bit: it keeps nothing from one round to the next.
/// </remarks>
public interface ITrainingMethod
{
    /// <summary>What checkpoints say is minimised; a run resumes with the same alone.</summary>
    string Objective { get; }

    /// <summary>Of the data; differs where its batches would differ.</summary>
    string Fingerprint { get; }

    /// <summary>Tokens of the longest row that is trained.</summary>
    int MaxLength { get; }

    /// <summary>Tokens of the longest row that is held out; null where none is.</summary>
    int? ValidationLength { get; }

    /// <summary>
    /// Steps of a round, at least 1. Checkpoints are written between rounds alone, so a method may keep something from the first step of a
    /// round to its last. A run has whole rounds.
    /// </summary>
    int StepsOfRound { get; }

    /// <summary>
    /// The turns of a step, at least one. Each is run once, before the next one is asked for; together they add the gradient of the step to
    /// those of the parameters and the rest to <paramref name="sums"/>. Other work on the same thread may lie between two of them, and a
    /// run may end there.
    /// </summary>
    /// <param name="step">From 0 on.</param>
    IEnumerable<Action> Gradient(int step, StepSums sums);

    /// <summary>The turns of a judgement on what is held out: the sum of their values is the loss there.</summary>
    /// <param name="measures">Gets what else is measured, under names of the wire that begin with <c>valid_</c>.</param>
    IEnumerable<Func<double>> Validation(IDictionary<string, double> measures);
}
