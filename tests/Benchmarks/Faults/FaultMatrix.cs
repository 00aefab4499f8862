using System.Diagnostics;
using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Benchmarks.Faults;

/// <summary>One kind of trouble, and how a trial of it is drawn.</summary>
/// <param name="Draw">From the number of the call that meets the fault; draws the rest.</param>
internal sealed record FaultKind<T>(string Name, Func<int, Random, T> Draw);

/// <summary>
/// Batches, answers at once, requests that write and trainings of a tiny model through every fault, at every call to storage in turn, then
/// at random ones.
/// </summary>
internal static class FaultMatrix
{
    /// <summary>Far more than any trial takes: one that is not over by then hangs.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    /// <param name="of">What goes through the faults: "batches", "answers", "requests", "trainings".</param>
    /// <param name="only">Names of the faults to run; none for all.</param>
    /// <param name="numTrials">Of each kind of trouble, but never more than two for each call.</param>
    /// <returns>How many trials failed.</returns>
    public static async Task<int> RunAsync(
        IReadOnlyList<string> of, IReadOnlyList<string> only, int numTrials, int seed, CancellationToken cancellation)
    {
        Fault[] faults = only.Count > 0
            ? [.. only.Select(Enum.Parse<Fault>)]
            : [.. Enum.GetValues<Fault>().Where(fault => fault != Fault.None)];
        await using var accounts = new TrialAccounts(cancellation);
        using var model = new TinyModel();
        using var tensors = new TensorThread();

        int failed = 0;
        if (of.Contains("batches"))
            failed += await new BatchMatrix(model, tensors, accounts).RunAsync(faults, numTrials, seed, cancellation);
        if (of.Contains("answers"))
            failed += await new AnswerMatrix(model, tensors, accounts).RunAsync(faults, numTrials, seed, cancellation);
        if (of.Contains("requests"))
            failed += await new RequestMatrix(accounts).RunAsync(faults, numTrials, seed, cancellation);
        if (of.Contains("trainings"))
            failed += await new TrainingMatrix(model, tensors, accounts).RunAsync(faults, numTrials, seed, cancellation);
        return failed;
    }

    /// <summary>Runs the trials of each kind, and writes a line about it.</summary>
    /// <param name="calls">Calls of an undisturbed trial: each is hit in turn, or as many as there are trials at even distances, then
    /// random ones up to twice as far.</param>
    /// <param name="trial">Says where the fault was, for the last column.</param>
    /// <returns>How many trials failed.</returns>
    public static async Task<int> RunAsync<T>(
        string what, IEnumerable<FaultKind<T>> kinds, int calls, int numTrials,
        int seed, Func<T, Task<string>> trial, CancellationToken cancellation)
    {
        Console.WriteLine($"\n{what}: {calls} calls to storage without a fault; seed {seed} plus the number of the row");
        Console.WriteLine("| fault | trials | violations | seconds | during |\n| --- | --- | --- | --- | --- |");
        numTrials = Math.Min(numTrials, 2 * calls);
        int failed = 0;
        foreach (var (row, kind) in kinds.Index())
        {
            long started = Stopwatch.GetTimestamp();
            int failedHere = 0;
            SortedDictionary<string, int> during = new(StringComparer.Ordinal);
            var random = new Random(seed + row);
            int first = random.Next(Math.Max(1, calls / numTrials));
            foreach (int number in Enumerable.Range(0, numTrials))
            {
                cancellation.ThrowIfCancellationRequested();
                int call = number < calls ? 1 + first + (int)((long)number * calls / Math.Min(calls, numTrials))
                    : random.Next(1, (2 * calls) + 1);
                var options = kind.Draw(call, random);
                try
                {
                    string where = await trial(options).WaitAsync(s_limit, cancellation);
                    during[where] = during.GetValueOrDefault(where) + 1;
                }
                catch (Exception failure) when (failure is not OperationCanceledException || !cancellation.IsCancellationRequested)
                {
                    failedHere++;
                    Console.WriteLine($"{options}: {failure}");
                }
            }
            failed += failedHere;
            Console.WriteLine(
                $"| {kind.Name} | {numTrials} | {failedHere} | {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} | "
                + $"{string.Join(", ", during.Select(entry => $"{entry.Key} {entry.Value}"))} |");
        }
        return failed;
    }
}
