using LLaDA.Batch.Functions.Turns;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>Who may deliver now: endpoints that answer late or never take few places.</summary>
internal sealed class DeliveryPlaces(TimeProvider time) : TenantPlaces(time);
