using LLaDA.Diffusion.Evaluation;

namespace LLaDA.Batch.Cli.Evaluating;

/// <summary>A figure of a task or of one of its groups.</summary>
/// <param name="Group">Null for the whole task.</param>
/// <param name="Score">In [0, 1].</param>
/// <param name="Low">Lower end of the 95 % interval.</param>
/// <param name="High">Its upper end.</param>
/// <param name="N">Questions.</param>
/// <param name="Unanswered">Of them; they count as wrong, and not in the mass.</param>
internal sealed record TaskScore(string Task, string? Group, string Metric, double Score, double Low, double High, int N, int Unanswered)
{
    /// <summary>The whole task first, then its groups in the order of their names.</summary>
    public static IEnumerable<TaskScore> Of(EvaluationTask task, IReadOnlyList<QuestionResult> results)
    {
        var groups = results.Where(result => result.Group is not null).GroupBy(result => result.Group!)
            .OrderBy(group => group.Key, StringComparer.Ordinal);
        return Of(task, null, results).Concat(groups.SelectMany(group => Of(task, group.Key, [.. group])));
    }

    private static List<TaskScore> Of(EvaluationTask task, string? group, IReadOnlyList<QuestionResult> results)
    {
        int unanswered = results.Count(result => !result.IsAnswered);
        TaskScore Share(string metric, Func<QuestionResult, bool> isRight)
        {
            var share = Proportion.Of(results.Select(isRight));
            var (low, high) = share.Interval;
            return new(task.Header.Task, group, metric, share.Value, low, high, results.Count, unanswered);
        }
        if (task.Header.Kind == TaskKind.Generate)
            return [Share("exact match", result => result.IsRight)];

        List<TaskScore> scores =
            [Share("accuracy", result => result.IsRight), Share("accuracy by byte", result => result.ByByte!.Value)];
        double[] masses = [.. results.Select(result => result.Mass).OfType<double>()];
        if (masses.Length > 1 && task.Questions.Any(question => question.Right!.Count > 1))
        {
            double mean = masses.Average();
            double half = 1.96 * Math.Sqrt(masses.Sum(mass => (mass - mean) * (mass - mean)) / (masses.Length - 1) / masses.Length);
            scores.Add(new(task.Header.Task, group, "mass", mean, mean - half, mean + half, masses.Length, unanswered));
        }
        return scores;
    }
}
