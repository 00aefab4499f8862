using System.Diagnostics;

namespace LLaDA.Batch.Testing.Fuzzing;

/// <summary>What an input did that it must not do.</summary>
/// <param name="Number">Of the input; the same seed makes it again.</param>
/// <param name="Fault">An exception that is no sentence, too many bytes, or too long a time.</param>
public sealed record FuzzFinding(string Target, long Number, string Fault, byte[] Input);

/// <summary>What came of a run.</summary>
/// <param name="Refused">Inputs that were refused with a sentence; the others were read.</param>
/// <param name="MaxBytes">The most that an input allocated on its thread.</param>
/// <param name="MaxSeconds">The longest that an input took.</param>
public sealed record FuzzResult(
    string Target, long Inputs, long Refused, long MaxBytes, double MaxSeconds, double Seconds, IReadOnlyList<FuzzFinding> Findings);

/// <summary>
/// Runs a reader over mutated inputs in this process: each is read or refused with a sentence, within bounds of memory and time.
/// </summary>
public sealed class Fuzzer(FuzzTarget target, int seed)
{
    private const int MaxFindings = 20, MaxSentence = 4_000;

    /// <summary>Nothing of a few hundred kilobytes takes so long, on however busy a machine, unless its time grows without bound.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    /// <summary>Reads the seeds, which must pass, and then mutated inputs.</summary>
    /// <param name="first">Number of the first input.</param>
    public FuzzResult Run(long first, long count, CancellationToken cancellation)
    {
        foreach (byte[] good in target.Seeds)
            target.Read(good);
        var mutator = new Mutator(target, seed);
        List<FuzzFinding> findings = [];
        HashSet<string> kinds = new(StringComparer.Ordinal);
        long refused = 0, maxBytes = 0, number = first, started = Stopwatch.GetTimestamp();
        var longest = TimeSpan.Zero;
        for (; number < first + count && findings.Count < MaxFindings && !cancellation.IsCancellationRequested; number++)
        {
            byte[] input = mutator.Input(number);
            long before = GC.GetAllocatedBytesForCurrentThread(), begun = Stopwatch.GetTimestamp();
            string? fault = null;
            try
            {
                target.Read(input);
            }
            catch (Exception exception) when (target.IsSentence(exception))
            {
                refused++;
                fault = IsSentence(exception.Message) ? null : $"no sentence: {exception.Message}";
            }
            catch (Exception exception)
            {
                fault = $"{exception.GetType()}: {exception.Message}\n{exception.StackTrace}";
            }
            long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            var time = Stopwatch.GetElapsedTime(begun);
            (maxBytes, longest) = (Math.Max(maxBytes, bytes), time > longest ? time : longest);
            if (bytes > target.FixedBytes + (target.BytesPerByte * input.Length))
                fault ??= $"{bytes:N0} bytes allocated for an input of {input.Length:N0}";
            if (time > s_limit)
                fault ??= $"{time.TotalSeconds:F1} s for an input of {input.Length:N0} bytes";
            if (fault is not null && kinds.Add(Kind(fault)))
                findings.Add(new FuzzFinding(target.Name, number, fault, input));
        }
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return new FuzzResult(target.Name, number - first, refused, maxBytes, longest.TotalSeconds, seconds, findings);
    }

    private static bool IsSentence(string message) => !string.IsNullOrWhiteSpace(message) && message.Length <= MaxSentence;

    /// <summary>Findings of the same place are one.</summary>
    private static string Kind(string fault)
    {
        string place = string.Join('\n', fault.Split('\n').Skip(1).Take(3));
        return place.Length > 0 ? fault.Split(':')[0] + place : new string([.. fault.Where(char.IsLetter).Take(30)]);
    }
}
