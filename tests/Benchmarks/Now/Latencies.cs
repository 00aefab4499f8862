namespace LLaDA.Batch.Benchmarks.Now;

/// <summary>Times of requests, in milliseconds.</summary>
internal sealed record Latencies(int Count, double At50, double At95, double At99)
{
    public static Latencies Of(IEnumerable<TimeSpan> times)
    {
        double[] sorted = [.. times.Select(time => time.TotalMilliseconds).Order()];
        double At(double share) => sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
        return new Latencies(sorted.Length, At(0.5), At(0.95), At(0.99));
    }

    public override string ToString() => $"{At50:F0} | {At95:F0} | {At99:F0}";
}
